"""The routes of the notes."""

from django.urls import path

from notes import views

urlpatterns = [
    path("notes", views.NoteList.as_view()),
    path("notes/<int:note_id>", views.NoteDetail.as_view()),
]
